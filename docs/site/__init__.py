"""What `make docs` adds to the pages of `docs/`: pages generated from the code, and pages from the root."""
