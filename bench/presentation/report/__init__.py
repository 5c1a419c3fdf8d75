"""From the results in a folder to one page that can be read, kept and passed on."""
