"""Lists for all users of a data set, part by part, into Parquet: in this process, in several, or on Ray."""
