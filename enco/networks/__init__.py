"""Shared building blocks: generators, discriminators, projection heads, blur up and down."""
