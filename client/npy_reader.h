// Reads NumPy's files: .npy, and .npz as numpy.savez and numpy.savez_compressed write it.
#ifndef RADIO_CLIENT_NPY_READER_H_
#define RADIO_CLIENT_NPY_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace radio::client {

// An array of numbers or of texts.
struct NpyArray {
  std::vector<int64_t> shape;
  // Row-major. Empty unless the file holds float16, float32 or float64.
  std::vector<float> numbers;
  // Row-major, UTF-8. Empty unless the file holds bytes ('S') or Unicode ('U').
  std::vector<std::string> texts;
};

// Of a .npy file's bytes. Both orders of memory are understood. INVALID_ARGUMENT says what is
// wrong with the bytes, or which element type is not supported.
absl::StatusOr<NpyArray> ParseNpy(absl::string_view bytes);

// Of a .npz file's bytes: name (without ".npy") -> array. Arrays of other element types are left
// out. INVALID_ARGUMENT as above.
absl::StatusOr<std::map<std::string, NpyArray>> ParseNpz(absl::string_view bytes);

}  // namespace radio::client

#endif  // RADIO_CLIENT_NPY_READER_H_
