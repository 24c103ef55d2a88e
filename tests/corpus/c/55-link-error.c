/* The name of the object file is random and is mapped away. */
int missing(void);

int main(void) { return missing(); }
