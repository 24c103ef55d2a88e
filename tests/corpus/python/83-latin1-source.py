# -*- coding: latin-1 -*-
print("grüße")
