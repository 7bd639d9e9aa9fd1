"""The same work written for other servers, each as its own guide shows; they run in environments without ours."""
