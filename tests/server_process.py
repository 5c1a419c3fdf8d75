"""The real server as a process; it lives with the contract that strategies' authors use."""

from server.testing.server_process import ROOT as ROOT
from server.testing.server_process import ServerProcess as ServerProcess
