"""Jobs: commands of `unheard` that run in processes of their own, started by the API or the pages.

requests.py   which jobs can be requested, and their command lines
record.py     the state of one job, and its file
log.py        progress and messages from a job's output
process.py    the process of a job
queue.py      runs one job at a time for each workspace
"""

from unheard.serve.jobs.queue import Jobs
from unheard.serve.jobs.record import Job, State
from unheard.serve.jobs.requests import JobRequest

__all__ = ["Job", "JobRequest", "Jobs", "State"]
