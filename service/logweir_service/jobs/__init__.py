"""Work that would hold up ingest, done in child processes that only read the data folder.

A child is started as ``python -m logweir_service.jobs``, gets its job as one JSON object on stdin, and
answers in lines on stdout. `child` is the owner's side; the other modules are what the children do, one each,
and have ``run(job) -> Iterator[bytes]``. Nothing is imported here, so that a child begins at once.
"""
