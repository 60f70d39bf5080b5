"""The command line: one file for each command, thin skins over the stages."""

from mggc.cli.app import main as main
