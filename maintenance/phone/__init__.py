"""What technicians have in their hands: `/work/`, for a phone. Changes go through the order's own methods."""
