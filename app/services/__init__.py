"""What Bursar does on a person's machine: settings, the meter's process, jobs, agents' environments, the demo."""
