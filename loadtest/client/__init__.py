"""One WebSocket connection."""
