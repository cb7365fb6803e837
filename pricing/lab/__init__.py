"""The policy lab: the same simulated worlds with and without a policy, and what differs between them.

`loop`, `worker`, `compare` and `measures` know no database; `asked` and `page` join them to stored policies and jobs.
"""
