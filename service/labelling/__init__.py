"""Label Studio's projects: their annotated pictures, the suggestions for the others, and the trainings in between.

Not in here: the routes (`service.protocols.label_studio_routes`), and how a dataset is converted or a job is run.
"""
