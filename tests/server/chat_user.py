"""Chat users as tests see them; they live with the contract that strategies' authors use."""

from server.testing.chat_user import CLOSE_FRAME as CLOSE_FRAME
from server.testing.chat_user import PATIENCE_S as PATIENCE_S
from server.testing.chat_user import User as User
from server.testing.chat_user import fill_buffers as fill_buffers
from server.testing.chat_user import join as join
from server.testing.chat_user import join_all as join_all
from server.testing.chat_user import join_and_never_read as join_and_never_read
from server.testing.chat_user import until as until
