/* Clusters of sites, in a thread of their own: rows of numbers in, rows of numbers out. */
importScripts("../vendor/supercluster/9.1.0/supercluster.min.js");

const SHARES = 5; // ports available, in use, at sites on watch, at critical sites, out of service
const MOST_LEAVES = 60, LAST_ZOOM = 15;
let places = null, index = null;

const answers = {
  /* Where the sites are; what they are follows. */
  places(message) {
    places = message;
    index = null;
  },

  states({ available, occupied, out, level, shown }) {
    const points = [];
    for (let row = 0; row < level.length; row += 1) {
      if (!shown[row]) continue;
      const working = available[row] + occupied[row], ports = working + out[row];
      const is = level[row];
      const properties = {
        row, sites: 1, critical: Number(is === 2), watch: Number(is === 1), city: places.city[row], agree: 1,
        s0: is ? 0 : available[row], s1: is ? 0 : occupied[row], s2: is === 1 ? ports : 0, s3: is === 2 ? ports : 0, s4: is ? 0 : out[row],
      };
      points.push({ type: "Feature", properties, geometry: { type: "Point", coordinates: [places.longitude[row], places.latitude[row]] } });
    }
    index = new Supercluster({ radius: 44, extent: 256, maxZoom: LAST_ZOOM, map: (properties) => ({ ...properties }), reduce });
    index.load(points);
    postMessage({ type: "ready", sites: points.length });
  },

  view({ box, zoom, number }) {
    if (!index) return;
    const found = index.getClusters(box, zoom);
    const size = found.length;
    const drawn = {
      id: new Int32Array(size), isCluster: new Uint8Array(size), longitude: new Float64Array(size),
      latitude: new Float64Array(size), sites: new Uint32Array(size), critical: new Uint32Array(size),
      watch: new Uint32Array(size), city: new Int32Array(size), shares: new Uint32Array(size * SHARES),
    };
    found.forEach(({ properties, geometry }, at) => write(drawn, at, properties, geometry.coordinates));
    postMessage({ type: "drawn", number, zoom, ...drawn }, Object.values(drawn).map((column) => column.buffer));
  },

  open({ cluster, number }) {
    if (!index) return;
    const zoom = index.getClusterExpansionZoom(cluster);
    const rows = zoom > LAST_ZOOM ? index.getLeaves(cluster, MOST_LEAVES).map((leaf) => leaf.properties.row) : [];
    postMessage({ type: "opened", number, zoom, rows });
  },
};

/* Boyer and Moore's vote: `agree` more sites of `city` than of all others that it was weighed against. */
function reduce(total, one) {
  total.sites += one.sites;
  total.critical += one.critical;
  total.watch += one.watch;
  for (const share of ["s0", "s1", "s2", "s3", "s4"]) total[share] += one[share];
  if (one.city === total.city) {
    total.agree += one.agree;
  } else {
    if (one.agree > total.agree) total.city = one.city;
    total.agree = Math.abs(total.agree - one.agree);
  }
}

function write(drawn, at, properties, [longitude, latitude]) {
  const isCluster = Boolean(properties.cluster);
  drawn.id[at] = isCluster ? properties.cluster_id : properties.row;
  drawn.isCluster[at] = Number(isCluster);
  drawn.longitude[at] = longitude;
  drawn.latitude[at] = latitude;
  for (const name of ["sites", "critical", "watch"]) drawn[name][at] = properties[name];
  // A name only where most of its sites are of that city.
  drawn.city[at] = properties.agree >= 0.5 * properties.sites ? properties.city : -1;
  for (let share = 0; share < SHARES; share += 1) drawn.shares[at * SHARES + share] = properties[`s${share}`];
}

onmessage = ({ data }) => answers[data.type](data);
