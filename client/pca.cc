#include "client/pca.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <eigen3/Eigen/Dense>
#include <limits>

namespace radio::client {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Lower middle of an even count.
float Median(std::vector<float> values) {
  const auto middle = values.begin() + (values.size() - 1) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Unit vectors as columns, [channels, at most 3].
Eigen::MatrixXd Directions(const Matrix& centred) {
  const bool wide = centred.rows() < centred.cols();
  // The smaller of the two matrices that share the singular vectors.
  const Eigen::MatrixXd gram = wide ? Eigen::MatrixXd(centred * centred.transpose())
                                    : Eigen::MatrixXd(centred.transpose() * centred);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  const Eigen::Index count = std::min<Eigen::Index>(3, gram.rows());
  // Eigenvalues ascend; below rounding there is no direction.
  const double floor = std::max(0.0, solver.eigenvalues()(gram.rows() - 1)) * 1e-12;
  Eigen::MatrixXd directions = Eigen::MatrixXd::Zero(centred.cols(), count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const Eigen::Index from = gram.rows() - 1 - i;
    if (solver.eigenvalues()(from) <= floor) continue;
    Eigen::VectorXd direction = solver.eigenvectors().col(from);
    if (wide) direction = (centred.transpose() * direction).normalized();
    Eigen::Index strongest = 0;
    direction.cwiseAbs().maxCoeff(&strongest);
    directions.col(i) = direction(strongest) < 0 ? Eigen::VectorXd(-direction) : direction;
  }
  return directions;
}

void ScaleChannel(std::vector<float>* channel) {
  const float median = Median(*channel);
  std::vector<float> distance(channel->size());
  for (size_t i = 0; i < distance.size(); ++i) distance[i] = std::abs((*channel)[i] - median);
  const float spread = Median(distance);
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  for (size_t i = 0; i < channel->size(); ++i) {
    if (spread > 0 && distance[i] >= 2 * spread) continue;
    low = std::min(low, (*channel)[i]);
    high = std::max(high, (*channel)[i]);
  }
  const float range = high > low ? high - low : 1.0f;
  for (float& value : *channel) value = std::clamp((value - low) / range, 0.0f, 1.0f);
}

// Position of an output pixel between two input cells.
struct Blend {
  int first;
  int second;
  float weight;
};

Blend BlendAt(int position, int from, int to) {
  const float at = std::clamp((position + 0.5f) * from / to - 0.5f, 0.0f, from - 1.0f);
  const int first = static_cast<int>(at);
  return {first, std::min(first + 1, from - 1), at - first};
}

}  // namespace

std::vector<float> PrincipalComponents(absl::Span<const float> features, int64_t tokens,
                                       int64_t channels) {
  using FloatMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Matrix centred = Eigen::Map<const FloatMatrix>(features.data(), tokens, channels).cast<double>();
  centred.rowwise() -= centred.colwise().mean().eval();
  const Eigen::MatrixXd directions = Directions(centred);
  const Eigen::MatrixXd projected = centred * directions;
  std::vector<float> colours(tokens * 3, 0.0f);
  for (Eigen::Index token = 0; token < projected.rows(); ++token) {
    for (Eigen::Index i = 0; i < projected.cols(); ++i) {
      colours[token * 3 + i] = static_cast<float>(projected(token, i));
    }
  }
  return colours;
}

void ScaleRobustly(std::vector<float>* colours) {
  std::vector<float> channel(colours->size() / 3);
  for (size_t c = 0; c < 3 && !channel.empty(); ++c) {
    for (size_t i = 0; i < channel.size(); ++i) channel[i] = (*colours)[i * 3 + c];
    ScaleChannel(&channel);
    for (size_t i = 0; i < channel.size(); ++i) (*colours)[i * 3 + c] = channel[i];
  }
}

Picture Paint(absl::Span<const float> colours, int grid_height, int grid_width, int height,
              int width) {
  Picture picture{height, width, std::vector<uint8_t>(static_cast<size_t>(height) * width * 3)};
  const auto cell = [&](int y, int x, int c) { return colours[(y * grid_width + x) * 3 + c]; };
  uint8_t* out = picture.rgb.data();
  for (int y = 0; y < height; ++y) {
    const Blend v = BlendAt(y, grid_height, height);
    for (int x = 0; x < width; ++x) {
      const Blend h = BlendAt(x, grid_width, width);
      for (int c = 0; c < 3; ++c) {
        const float top =
            cell(v.first, h.first, c) * (1 - h.weight) + cell(v.first, h.second, c) * h.weight;
        const float bottom =
            cell(v.second, h.first, c) * (1 - h.weight) + cell(v.second, h.second, c) * h.weight;
        *out++ =
            static_cast<uint8_t>(std::lround(255 * (top * (1 - v.weight) + bottom * v.weight)));
      }
    }
  }
  return picture;
}

Picture SideBySide(absl::Span<const Picture> pictures) {
  constexpr int kGap = 8;
  Picture all;
  all.width = -kGap;
  for (const Picture& picture : pictures) {
    all.height = std::max(all.height, picture.height);
    all.width += picture.width + kGap;
  }
  const size_t row_bytes = size_t{3} * all.width;
  all.rgb.assign(row_bytes * all.height, 255);
  size_t left = 0;
  for (const Picture& picture : pictures) {
    const size_t bytes = size_t{3} * picture.width;
    for (int y = 0; y < picture.height; ++y) {
      std::copy_n(picture.rgb.begin() + static_cast<ptrdiff_t>(y * bytes), bytes,
                  all.rgb.begin() + static_cast<ptrdiff_t>(y * row_bytes + left));
    }
    left += bytes + size_t{3} * kGap;
  }
  return all;
}

std::string EncodePng(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  const int ok =
      png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.rgb.data(), 0, nullptr);
  bytes.resize(ok != 0 ? size : 0);
  return bytes;
}

}  // namespace radio::client
