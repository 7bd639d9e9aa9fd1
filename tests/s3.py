"""How the S3 servers of tests and benchmarks are found; they take any key."""


def s3_environment(endpoint: str) -> dict[str, str]:
    """Environment variables of a process whose store is on a server: those that an operator sets for their own."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
