"""What other tools read and write: predictions as EDF+ and FHIR, traces, and data sets that others have preprocessed."""
