"""The policy lab: the same simulated worlds with and without a policy, and what differs between them. No database."""
