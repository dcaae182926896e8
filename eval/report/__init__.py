"""One HTML page with everything that a scale's runs show: tables, pictures, trainings, claims, protocol."""
