"""Language models from elsewhere: their architectures, their prompts, and how they are run."""
