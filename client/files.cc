#include "client/files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

absl::Status WriteAll(int file, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("cannot write " + path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, int mode, absl::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0666);
  if (file < 0) return ErrnoStatus("cannot write " + path);
  const auto closer = absl::MakeCleanup([file] { close(file); });
  RADIO_RETURN_IF_ERROR(WriteAll(file, bytes, path));
  return fsync(file) == 0 ? absl::OkStatus() : ErrnoStatus("cannot sync " + path);
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return ErrnoStatus("cannot open " + folder);
  const auto closer = absl::MakeCleanup([file] { close(file); });
  return fsync(file) == 0 ? absl::OkStatus() : ErrnoStatus("cannot sync " + folder);
}

}  // namespace

absl::Status ErrnoStatus(absl::string_view doing) {
  const int error = errno;
  const std::string message = absl::StrCat(doing, ": ", strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::InternalError(message);
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return ErrnoStatus("cannot read " + path);
  const auto closer = absl::MakeCleanup([file] { close(file); });
  std::string bytes;
  struct stat info;
  if (fstat(file, &info) == 0 && info.st_size > 0) {
    bytes.reserve(std::min(static_cast<size_t>(info.st_size), max_bytes));
  }
  char block[1 << 16];
  while (true) {
    const ssize_t count = read(file, block, sizeof(block));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus("cannot read " + path);
    if (count == 0) return bytes;
    if (static_cast<size_t>(count) > max_bytes - bytes.size()) {
      return absl::InvalidArgumentError(absl::StrCat(path, " has more than ", max_bytes, " bytes"));
    }
    bytes.append(block, static_cast<size_t>(count));
  }
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes) {
  RADIO_RETURN_IF_ERROR(WriteFile(absl::StrCat(path, kTemporarySuffix), O_TRUNC, bytes));
  return CommitTemporary(path);
}

absl::Status AppendToFile(const std::string& path, absl::string_view bytes) {
  return WriteFile(path, O_APPEND, bytes);
}

absl::Status CommitTemporary(const std::string& path) {
  const std::string temporary = absl::StrCat(path, kTemporarySuffix);
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return ErrnoStatus("cannot rename " + temporary);
  return SyncFolderOf(path);
}

std::string Sha256Hex(absl::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

}  // namespace radio::client
