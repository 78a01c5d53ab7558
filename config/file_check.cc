#include "config/file_check.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::config {
namespace {

constexpr size_t kReadBytes = 1 << 20;

struct FileCloser {
  explicit FileCloser(int fd) : fd(fd) {}
  ~FileCloser() {
    if (fd >= 0) close(fd);
  }
  FileCloser(const FileCloser&) = delete;
  FileCloser& operator=(const FileCloser&) = delete;
  const int fd;
};

absl::StatusOr<std::string> Sha256OfFile(int fd, const std::string& path) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("SHA-256 is not available");
  }
  std::string buffer(kReadBytes, '\0');
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::DataLossError(absl::StrCat(path, ": ", std::strerror(errno)));
    if (count == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(count));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), length));
}

}  // namespace

absl::Status VerifyFile(const std::string& path, int64_t byte_size, absl::string_view sha256) {
  const FileCloser opened(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (opened.fd < 0) {
    return errno == ELOOP ? absl::FailedPreconditionError(absl::StrCat(path, ": symbolic link"))
                          : absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  struct stat info {};
  if (fstat(opened.fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": is no regular file"));
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": everybody may write to it"));
  }
  if (info.st_size != byte_size) {
    return absl::DataLossError(
        absl::StrCat(path, ": has ", info.st_size, " bytes, the manifest says ", byte_size));
  }
  RADIO_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(opened.fd, path));
  if (digest != sha256) {
    return absl::DataLossError(
        absl::StrCat(path, ": SHA-256 is ", digest, ", the manifest says ", sha256));
  }
  return absl::OkStatus();
}

}  // namespace radio::config
