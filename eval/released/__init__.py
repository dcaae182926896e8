"""Score the generators that methods' authors published, and set the scores beside the printed numbers."""
