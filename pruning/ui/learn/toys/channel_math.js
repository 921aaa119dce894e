// What a chain of convolutions costs, as pruning counts it: multiply-accumulates and weights of every layer.
export const SIDE = 32, CLASSES = 10, FULL = [16, 32, 64];

// widths: channels of the three convolutions (3 x 3, the second and third halve the picture), then a classifier of
// the last one's means.   Returns a row a layer: {name, inputs, outputs, macs, weights}.
export function layers(widths) {
  const sides = [SIDE, SIDE / 2, SIDE / 4];
  const found = widths.map((outputs, k) => {
    const inputs = k ? widths[k - 1] : 3, weights = inputs * outputs * 9;
    return { name: `convolution ${k + 1}`, inputs, outputs, weights, macs: weights * sides[k] ** 2 };
  });
  const inputs = widths[widths.length - 1], weights = inputs * CLASSES;
  return [...found, { name: 'classifier', inputs, outputs: CLASSES, weights, macs: weights }];
}
