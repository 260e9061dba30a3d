"""The genome: bases by place, chromosomes, intervals."""
