"""Long work, each in a process of its own: what may be started, how far it is, and how it ended.

requests.py     what somebody may ask for, and the command line that it becomes
record.py     what is known of one job, and where it is kept
log.py        what a job's output says about its progress
process.py    the process of a job
queue.py      one job at a time for each workspace
"""

from unheard.serve.jobs.queue import Jobs
from unheard.serve.jobs.record import Job, State
from unheard.serve.jobs.requests import JobRequest

__all__ = ["Job", "JobRequest", "Jobs", "State"]
