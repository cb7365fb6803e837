"""Files for others: the federal quarterly reports (EV-ChART) and dumps of one operator's data."""
