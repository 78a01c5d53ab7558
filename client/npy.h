// NumPy's .npy format (version 1.0), two-dimensional and row-major.
#ifndef RADIO_CLIENT_NPY_H_
#define RADIO_CLIENT_NPY_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace radio::client {

enum class NpyType { kFloat32, kFloat16 };

// Bytes of one element.
constexpr int64_t NpyElementSize(NpyType type) { return type == NpyType::kFloat32 ? 4 : 2; }

// The 128 bytes before the data of a [rows, columns] array; what numpy.save writes.
std::string NpyHeader(NpyType type, int64_t rows, int64_t columns);

// Writes one array of a number of rows that only the end tells. Not thread-safe.
class NpyWriter {
 public:
  // Opens the temporary file beside `path` (client/files.h).
  static absl::StatusOr<std::unique_ptr<NpyWriter>> Create(const std::string& path, NpyType type,
                                                           int64_t columns);
  // Deletes the temporary file unless Commit has succeeded.
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  // Little-endian elements of whole rows.
  absl::Status Append(absl::string_view rows);

  int64_t rows() const { return rows_; }

  // Completes the header, forces the file to the disk and gives it its name. The last call.
  absl::Status Commit();

 private:
  NpyWriter(std::string path, std::FILE* file, NpyType type, int64_t columns);

  const std::string path_;
  std::FILE* file_;
  const NpyType type_;
  const int64_t columns_;
  int64_t rows_ = 0;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_NPY_H_
