"""The report: what a workspace has learnt, as one page that can be sent to a friend. matplotlib and Jinja stay in here."""
