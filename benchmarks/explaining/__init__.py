"""What an explanation costs beside a list, in CPU time of the server process."""
