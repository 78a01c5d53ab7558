// What a fuzz target asserts.
#ifndef RADIO_TESTS_FUZZ_FUZZ_CHECK_H_
#define RADIO_TESTS_FUZZ_FUZZ_CHECK_H_

#include <cstdio>
#include <cstdlib>

// Ends the process unless `condition` holds: what libFuzzer records as a finding.
#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

#endif  // RADIO_TESTS_FUZZ_FUZZ_CHECK_H_
