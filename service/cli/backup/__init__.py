"""`convserve backup` and `convserve restore`: everything that convserve keeps, in one file and back.

The file is a tar archive: a header, the objects of the store and of Label Studio's projects, the records of the jobs,
and an index with the size and the SHA-256 of everything, which comes last. Without its index a file is no backup.

Not here: what a store, a job or a project is; settings and the secrets among them, which belong to the environment.
"""
