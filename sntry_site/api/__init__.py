"""The partner API, version 1: one file per resource; what all of them share is in access, problems, limits and rows."""
