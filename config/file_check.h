// Whether a file on disk is the one that somebody recorded.
#ifndef RADIO_CONFIG_FILE_CHECK_H_
#define RADIO_CONFIG_FILE_CHECK_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace radio::config {

// A regular file, held open: no symbolic link, and not writable by everybody, nor is its folder.
// What is read through path() is this file, whatever takes its place in the folder. Movable.
class TrustedFile {
 public:
  // FAILED_PRECONDITION or NOT_FOUND name the file and what it is.
  static absl::StatusOr<TrustedFile> Open(const std::string& name);

  TrustedFile(TrustedFile&& other) noexcept;
  TrustedFile& operator=(TrustedFile&&) = delete;
  ~TrustedFile();

  // As it was opened.
  const std::string& name() const { return name_; }
  // Opens the same file again (/proc/self/fd/N), while this object lives.
  std::string path() const;

  // OK when it has `byte_size` bytes and the SHA-256 `sha256`, in lower-case hexadecimal; DATA_LOSS
  // says what it has. Blocks: reads the whole file.
  absl::Status Verify(int64_t byte_size, absl::string_view sha256) const;
  // OK when nobody has written to the file, or put another in its place, since it was opened.
  absl::Status Unchanged() const;

 private:
  TrustedFile(std::string name, int fd, const struct stat& opened)
      : name_(std::move(name)), fd_(fd), opened_(opened) {}

  std::string name_;
  int fd_;
  struct stat opened_;
};

}  // namespace radio::config

#endif  // RADIO_CONFIG_FILE_CHECK_H_
