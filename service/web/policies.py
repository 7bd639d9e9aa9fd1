"""What browsers are told about answers: who may show them in a frame, and what a stored file may do."""

POLICY = b"content-security-policy"
UNFRAMED = (POLICY, b"frame-ancestors 'none'")
"""On every answer without a stricter policy of its own, so that no other site can show it in a frame."""
STORED_FILE = (POLICY, b"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")
"""On every picture and every file of a version. SVG is a document that could run scripts; its styles are its own."""
REPORT = (
    POLICY,
    b"default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
)
"""On the report of a version, whose pictures are part of it."""
