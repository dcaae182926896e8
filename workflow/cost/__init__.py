"""What tables cost before they are made: iterations, GPU-hours, disk."""
