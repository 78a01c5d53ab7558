#include "client/npy.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/files.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr size_t kHeaderSize = 128;

std::string Temporary(const std::string& path) { return absl::StrCat(path, kTemporarySuffix); }

absl::Status WriteBytes(std::FILE* file, absl::string_view bytes, const std::string& path) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size()) return absl::OkStatus();
  return ErrnoStatus("cannot write " + Temporary(path));
}

}  // namespace

std::string NpyHeader(NpyType type, int64_t rows, int64_t columns) {
  const std::string facts =
      absl::StrCat("{'descr': '", type == NpyType::kFloat32 ? "<f4" : "<f2",
                   "', 'fortran_order': False, 'shape': (", rows, ", ", columns, "), }");
  // Magic, version 1.0, and the length of what follows it.
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(kHeaderSize - 10);
  header += '\0';
  header += facts;
  header.resize(kHeaderSize - 1, ' ');
  return header + '\n';
}

absl::StatusOr<std::unique_ptr<NpyWriter>> NpyWriter::Create(const std::string& path, NpyType type,
                                                             int64_t columns) {
  std::FILE* file = std::fopen(Temporary(path).c_str(), "wbe");
  if (file == nullptr) return ErrnoStatus("cannot write " + Temporary(path));
  std::unique_ptr<NpyWriter> writer(new NpyWriter(path, file, type, columns));
  RADIO_RETURN_IF_ERROR(WriteBytes(file, NpyHeader(type, 0, columns), path));
  return writer;
}

NpyWriter::NpyWriter(std::string path, std::FILE* file, NpyType type, int64_t columns)
    : path_(std::move(path)), file_(file), type_(type), columns_(columns) {}

NpyWriter::~NpyWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(Temporary(path_).c_str());
}

absl::Status NpyWriter::Append(absl::string_view rows) {
  const auto row_size = static_cast<size_t>(columns_ * NpyElementSize(type_));
  if (rows.size() % row_size != 0) {
    return absl::InternalError(
        absl::StrCat(path_, ": ", rows.size(), " bytes are no whole rows of ", row_size));
  }
  rows_ += static_cast<int64_t>(rows.size() / row_size);
  return WriteBytes(file_, rows, path_);
}

absl::Status NpyWriter::Commit() {
  std::rewind(file_);
  RADIO_RETURN_IF_ERROR(WriteBytes(file_, NpyHeader(type_, rows_, columns_), path_));
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) {
    return ErrnoStatus("cannot write " + Temporary(path_));
  }
  std::FILE* const file = std::exchange(file_, nullptr);
  if (std::fclose(file) != 0) return ErrnoStatus("cannot close " + Temporary(path_));
  return CommitTemporary(path_);
}

}  // namespace radio::client
