"""Devices that models are run on: this machine, phones, boards, recorded sessions."""
