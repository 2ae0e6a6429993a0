#!/bin/sh
# What is printed here is exported to the job: its node's own folder for what nobody else reads.
echo "export TMPDIR=@folder@/scratch/$SLURMD_NODENAME"
