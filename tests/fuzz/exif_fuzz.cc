// Any bytes have an orientation, the same with the prefix that JPEG puts before them.
#include <cstdint>
#include <vector>

#include "model/preprocess/exif.h"
#include "tests/fuzz/fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int orientation = radio::ExifOrientation({data, size});
  FUZZ_CHECK(orientation >= 1 && orientation <= 8);
  const bool has_prefix = size > 0 && data[0] == 'E';
  if (!has_prefix) {
    std::vector<uint8_t> prefixed = {'E', 'x', 'i', 'f', 0, 0};
    prefixed.insert(prefixed.end(), data, data + size);
    FUZZ_CHECK(radio::ExifOrientation(prefixed) == orientation);
  }
  return 0;
}
