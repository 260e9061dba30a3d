"""What every room uses: errors, files, logs, devices."""
