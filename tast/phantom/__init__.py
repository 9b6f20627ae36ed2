"""The phantom: a physical model of a face under a camera, from tissue and pulse to the noise of the sensor."""
