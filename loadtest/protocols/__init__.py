"""What a chat message looks like on the wire: one driver a protocol."""
