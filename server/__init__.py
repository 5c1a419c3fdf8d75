"""A FastAPI chat room whose broadcast strategy is one flag."""
