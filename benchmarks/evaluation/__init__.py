"""The recorded evaluation: detection and extraction on real libraries, real packages and real model files."""
