"""What any HTTP server needs: multipart forms, strict JSON, problem bodies, client presence.

Not here: anything about models, jobs or datasets.
"""
