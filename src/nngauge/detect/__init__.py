"""Detection: which runtimes, SDKs, accelerators, cloud services and system models an app contains. Rules are data."""
