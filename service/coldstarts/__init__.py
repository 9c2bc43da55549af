"""Lists for someone without a history, sampled from picked halves of factors. Pure and synchronous."""
