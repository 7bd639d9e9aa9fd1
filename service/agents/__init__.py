"""What programs that are led by a language model read and call: `llms.txt`, and the Model Context Protocol (MCP).

It calls the routes of this application and knows nothing of what they do; the routes are in `service/routes`.
"""
