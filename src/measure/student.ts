const steps = 4000;

/**
 * How many standard errors around its mean hold a share of Student's t: with t = sqrt(freedom) tan(angle) its density is that of
 * cos(angle)^(freedom - 1), whose sum is taken until it has the share.
 *
 * @param share - above 0 and below 1, as 0.95
 * @param freedom - degrees of freedom, from 1
 */
export function studentQuantile(share: number, freedom: number): number {
  const width = Math.PI / 2 / steps;
  const densities = Array.from({ length: steps }, (_, step) => Math.cos((step + 0.5) * width) ** (freedom - 1));
  const wanted = share * densities.reduce((sum, density) => sum + density, 0);
  let sum = 0;
  let step = 0;
  while (sum + densities[step]! < wanted) sum += densities[step++]!;
  return Math.sqrt(freedom) * Math.tan((step + (wanted - sum) / densities[step]!) * width);
}
