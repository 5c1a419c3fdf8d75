"""The gate decides whether a change may land: it checks campaigns against SLOs and against an earlier campaign."""
